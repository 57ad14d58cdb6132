"""Scenes of public life: school, hospital, insurance, government, treasury, social insurance, courts, housing fund."""
