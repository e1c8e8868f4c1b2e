"""The scripts that Elasticsearch runs for core/query/to_dsl.py: constant texts, everything else are parameters.

They read the document's ``_source``, as core/store/elastic_document.py writes it. A text made from a query would be
compiled anew for each query, which the server limits, and could be escaped from.
"""

from __future__ import annotations

SEPARATOR = "\uffff"
"""Stands between the members of a list in JOINED; no character of Unicode."""

_TEXTS = r"""
String low(String text) {
  return text.replace('İ', 'i').replace('Σ', 'σ').toLowerCase(Locale.ROOT);
}
List beside(def pairs, String field) {
  if (pairs != null) {
    for (def pair : pairs) {
      if (pair[0].equals(field)) { return pair.subList(1, pair.size()); }
    }
  }
  return null;
}
List texts(Map source, String field, String mode) {
  if (mode.equals('fold')) {
    List folded = beside(source['kydai.folded'], field);
    if (folded != null) { return folded; }
  }
  List found = new ArrayList();
  def value = beside(source['kydai.texts'], field);
  if (value == null) { value = source[field]; }
  if (value == null) { return found; }
  if (!(value instanceof List)) { value = [value]; }
  for (def member : value) {
    if (member != null) { found.add(mode.equals('exact') ? member.toString() : low(member.toString())); }
  }
  return found;
}
List held(def values) {
  List found = new ArrayList();
  for (def value : values) { found.add(value.toString()); }
  return found;
}
List misfits(def values, String prefix) {
  List found = new ArrayList();
  for (def value : values) {
    if (value.startsWith(prefix)) { found.add(value.substring(prefix.length())); }
  }
  return found;
}
"""

_NUMBER = r"""
int digits(String text, int start) {
  int at = start;
  while (at < text.length() && text.charAt(at) >= (char) '0' && text.charAt(at) <= (char) '9') { at++; }
  return at;
}
boolean isNumber(String text) {
  int size = text.length();
  if (size == 0 || size > 400) { return false; }
  int at = text.charAt(0) == (char) '-' ? 1 : 0;
  int end = digits(text, at);
  if (end == at) { return false; }
  at = end;
  if (at < size && text.charAt(at) == (char) '.') {
    end = digits(text, at + 1);
    if (end == at + 1) { return false; }
    at = end;
  }
  if (at < size && (text.charAt(at) == (char) 'e' || text.charAt(at) == (char) 'E')) {
    at++;
    if (at < size && (text.charAt(at) == (char) '-' || text.charAt(at) == (char) '+')) { at++; }
    end = digits(text, at);
    if (end == at) { return false; }
    at = end;
  }
  return at == size;
}
"""

CHECK = (
    _TEXTS
    + _NUMBER
    + r"""
int after(String text, int start, List segment) {
  int at = start;
  for (def item : segment) {
    if (item instanceof String) {
      String literal = item;
      if (!text.startsWith(literal, at)) { return -1; }
      at += literal.length();
    } else {
      for (int i = 0; i < item; i++) {
        if (at >= text.length()) { return -1; }
        at += Character.charCount(text.codePointAt(at));
      }
    }
  }
  return at;
}
int find(String text, int start, List segment) {
  int at = start;
  while (true) {
    if (segment.size() > 0 && segment[0] instanceof String) {
      at = text.indexOf((String) segment[0], at);
      if (at < 0) { return -1; }
    }
    int end = after(text, at, segment);
    if (end >= 0) { return end; }
    if (at >= text.length()) { return -1; }
    at += Character.charCount(text.codePointAt(at));
  }
}
boolean like(String text, Map p) {
  List segments = p.segments;
  int last = segments.size() - 1;
  int at = 0;
  for (int i = 0; i <= last; i++) {
    List segment = segments[i];
    if (i == 0 && !p.open_start) {
      at = after(text, 0, segment);
      if (at < 0) { return false; }
      if (i == last && !p.open_end) { return at == text.length(); }
    } else if (i == last && !p.open_end) {
      int size = p.last_size;
      if (text.codePointCount(at, text.length()) < size) { return false; }
      return after(text, text.offsetByCodePoints(text.length(), -size), segment) == text.length();
    } else {
      at = find(text, at, segment);
      if (at < 0) { return false; }
    }
  }
  return true;
}
boolean phrase(String text, List words) {
  List found = new ArrayList();
  int start = -1;
  int at = 0;
  while (at < text.length()) {
    int c = text.codePointAt(at);
    int type = Character.getType(c);
    boolean inside = (type >= 1 && type <= 11) || c == 95;
    if (inside && start < 0) { start = at; }
    if (!inside && start >= 0) {
      found.add(text.substring(start, at));
      start = -1;
    }
    at += Character.charCount(c);
  }
  if (start >= 0) { found.add(text.substring(start)); }
  int size = words.size();
  for (int i = 0; i + size <= found.size(); i++) {
    int same = 0;
    while (same < size && words[same].equals(found[i + same])) { same++; }
    if (same == size) { return true; }
  }
  return false;
}
boolean within(String text, Map p) {
  if (!isNumber(text)) { return false; }
  double number = Double.parseDouble(text);
  if (Double.isInfinite(number)) { return false; }
  return (p.gt == null || number > p.gt) && (p.gte == null || number >= p.gte)
    && (p.lt == null || number < p.lt) && (p.lte == null || number <= p.lte);
}
boolean agree(String one, String other, String how) {
  if (how.equals('startswith')) { return one.startsWith(other); }
  if (how.equals('endswith')) { return one.endsWith(other); }
  if (how.equals('contains')) { return one.contains(other); }
  return one.equals(other);
}
Map p = params;
String op = p.op;
List mine = p.held == null ? texts(p._source, p.field, p.mode) : held(doc[p.field]);
if (p.misfit != null) { mine.addAll(misfits(doc['kydai.index.misfit'], p.misfit)); }
List others = op.equals('agree') ? texts(p._source, p.other, p.mode) : [];
for (String text : mine) {
  boolean holds = false;
  if (op.equals('in')) { holds = p.values.contains(text); }
  else if (op.equals('like')) { holds = like(text, p); }
  else if (op.equals('phrase')) { holds = phrase(text, p.words); }
  else if (op.equals('range')) { holds = within(text, p); }
  else {
    for (String other : others) {
      if (agree(text, other, p.how)) { holds = true; }
    }
  }
  if (holds) {
    emit(true);
    return;
  }
}
"""
)
"""A runtime boolean: true when some text of the field passes ``op``."""

JOINED = (
    _TEXTS
    + r"""
StringBuilder joined = new StringBuilder();
boolean first = true;
for (String text : texts(params._source, params.field, params.mode)) {
  if (joined.length() + text.length() > 1000000) { break; }
  if (!first) { joined.append('{SEPARATOR}'); }
  joined.append(text.replace('{SEPARATOR}', ' '));
  first = false;
}
if (!first) { emit(joined.toString()); }
""".replace("{SEPARATOR}", SEPARATOR)
)
"""A runtime keyword: the texts of the field, joined, as such a field has at most 100 values."""

VALUES = (
    _TEXTS
    + r"""
List found = texts(params._source, params.field, 'exact');
if (params.misfit != null) { found.addAll(misfits(doc['kydai.index.misfit'], params.misfit)); }
return new ArrayList(new HashSet(found));
"""
)
"""For aggregations: the texts of the field's members."""

NUMBERS = (
    _TEXTS
    + r"""
List found = misfits(doc['kydai.index.misfit'], params.misfit);
found.addAll(held(doc[params.field]));
return new ArrayList(new HashSet(found));
"""
)
"""For aggregations over whole numbers and booleans, which need not be read from the source."""

FIGURES = (
    _TEXTS
    + _NUMBER
    + r"""
List found = new ArrayList();
for (String text : texts(params._source, params.field, 'exact')) {
  if (isNumber(text)) {
    double number = Double.parseDouble(text);
    if (!Double.isInfinite(number)) { found.add(number); }
  }
}
return found;
"""
)
"""For aggregations: the numbers among the texts of the field's members."""
