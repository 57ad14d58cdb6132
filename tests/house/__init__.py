"""What test_floors.py and test_house_rules.py know of the source: parsed modules in, complaints out."""
