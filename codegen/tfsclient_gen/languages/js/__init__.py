"""JavaScript and TypeScript: ES modules over a small runtime that is copied beside them."""
