"""Three department apps that sign in with Yimen: tax bureau, social security, housing fund.

Owns: small but real relying parties on Authlib's client, to be read, run and copied by department developers.
Never: imports the provider; what they know of it comes from discovery.
Called by: ``python -m clients.sample_rp`` and the demo.
"""
