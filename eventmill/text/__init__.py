"""Text for people: foreign text made safe for terminals and pages, and charts as SVG."""
