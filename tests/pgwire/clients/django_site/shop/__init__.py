"""An application with a column of every kind and every relation."""
