"""One equation at a time, slow and obviously right: what the fast code is checked against."""
