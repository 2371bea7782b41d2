"""Where models, data and concepts come from: one folder for each, one file for each kind."""
