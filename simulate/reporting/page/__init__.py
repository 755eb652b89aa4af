"""The page of a report: templates, style and scripts around one JSON document."""
