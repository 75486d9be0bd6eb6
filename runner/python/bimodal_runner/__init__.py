"""The Python half of the runner: takes web functions over from the official client inside a container.

`hook` waits until the client imports its ASGI module, `takeover` replaces one function of it, `seat` serves requests
through the extension module `_runner` for as long as the seat's input runs, `errors` prints what applications raise, `standby` keeps
a container in reserve.
"""
