"""What makes the site of the documentation, and its pages that follow from code."""
