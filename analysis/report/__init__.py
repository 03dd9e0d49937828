"""Results for a person: tables, sections, one self-contained page."""
