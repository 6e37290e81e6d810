"""What the command line does and shows: each command in a file, and how it is drawn."""
