"""The bench: what the running product costs.

Owns: starting the real server and its stores in temporary folders, the load (wrk scripts, sign-in threads), reading CPU time, the report.
Never: touches an operator's data or settings, reaches into the server's process, or is imported by what serves.
Called by: ``idp.cli.bench`` alone.
"""
