"""Results of a run: the file that keeps them, the table that shows them, the pictures, the machine that they come from."""
