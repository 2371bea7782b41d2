"""What is measured of one unit: its material, its readers, its tables, its scores, its figures."""
