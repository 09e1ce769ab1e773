"""A live page of rollouts: what it shows is read from Canary objects, what it asks for goes through them.

`record`, `seen` and `shown` say what is shown, as JSON; `callers` and `reviews` say to whom; `streams` and `service`
send it; `serving` runs all that beside whatever else a process does; `page` has what the browser is given.
"""
