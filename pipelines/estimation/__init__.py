"""What is known of a dataset before it is built: sizes, shares of kinds of equations, bytes."""
