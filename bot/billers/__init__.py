"""Those who are paid: merchants, their stores and bill items, hosted bills, connectors to remote billing systems."""
