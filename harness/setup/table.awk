# What tests print, line by line as it comes, and at the end a table: result, claim, and the figures it printed.
{ print; fflush() }
/^test .* \.\.\. / {
    match($0, / \.\.\. /)
    claim = substr($0, 6, RSTART - 6)
    figures = ""
    $0 = substr($0, RSTART + 5)
}
claim != "" && ($0 == "ok" || $0 == "FAILED") {
    table[++count] = sprintf("%-7s %s%s", $0, claim, figures)
    claim = ""
    next
}
claim != "" && $0 != "" && length($0) < 160 { figures = figures "\n          " $0 }
END {
    print "\nresult  claim, and its figures"
    for (at = 1; at <= count; at++) print table[at]
}
