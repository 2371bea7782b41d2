"""The step report: one HTML file that holds a whole study."""
