"""The page on which a model is tried: ``tfsclient ui``, and ``tfsclient serve --ui_port``.

A small JSON API over the library (``api``), behind a guard that knows who may ask (``guard``), and
a page of plain ES modules (``static/``) that shows what the API says as text, never as markup.

    page.py      the process: a port, a token, a thread that serves
    guard.py     Host, Origin, token, sizes; the headers of every answer
    api.py       the routes
    servers.py   the servers and models that the command line named
    describe.py  a model as the page needs it: its signatures, their fields, samples
    forms.py     what stands in the form -> inputs that were checked, or a refusal for each field
    calls.py     a call, cancelled if the page goes away; the last calls
    answers.py   an answer for the page, and as files
    sweep.py     one value moved, and the outputs with it
    code/        the call as code, and clients as archives
"""
