"""Everything to evidence: report definitions as data, rendering."""
