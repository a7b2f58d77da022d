"""Names that try to break out of whatever they are printed into."""

HOSTILE = [
    "", " ", "a b", "class", "None", "self", "x-y", "1st", "中文", "é", "😀", "quote'", 'double"',
    "back\\slash", "trailing\\", "new\nline", "carriage\rreturn", "tab\t", "nul\0",
    "\x1b[31m", "\x85", "line\u2028sep", "para\u2029sep",
    "bidi\u202eevil", "\u2066iso\u2069", "zero\u200bwidth", "*/", "/*",
    "//", "#", "#}", "{#", "{{ 7*7 }}", "{% raw %}", "${x}", "$(touch pwned)", "`touch pwned`",
    '"; rm -rf /', "'; rm -rf /; '", '"""', "'''", "\\\"\"\"", "%s", "%(x)s", "{0}", "__proto__",
    "constructor", "</script>",
    "<!--", "]]>", "a" * 2000, "a:b", "sla/sh", "dot.ted", "ﬁ", "fi",
    "-x", "@file", "EOF", "con", "\N{NO-BREAK SPACE}", "\ufeff",
]  # fmt: skip
