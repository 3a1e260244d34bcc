"""From the text of a statement to SQLite's: PostgreSQL's grammar, analysis, lowering."""
