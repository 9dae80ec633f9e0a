"""Commands of credit insurance.

`insurance` is the group, with policies; `policy_quotes` quotes them, `covers` says what is covered and
what is due, `insurance_claims` goes from a notice to shared recoveries.
"""
