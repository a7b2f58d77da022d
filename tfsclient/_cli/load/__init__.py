"""Load on a server with honest numbers, and what two answers differ in; nobody's API.

    interface    what a clock and a sender are; the load, and what was measured
    schedule     when calls are to be sent
    measure      sends them and takes note: the only loop, on whatever clock it is given
    threads      the real clock and the real sender; processes: several of both
    statistics   what was measured, in numbers; limits: what they may be
    search       the highest rate within a limit; interleave: one server against another
    batching     TF Serving's batching file, from a search
    metrics      the server's own times
    text, page   for people; record: for programs
    differences  what two answers differ in

Time is counted in seconds, and a call's from when it was to be sent: where a server stalls, the
calls that had to wait for their turn are as late as a user would have found them.
"""
