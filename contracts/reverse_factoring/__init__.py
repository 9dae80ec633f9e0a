"""Reverse factoring (payables finance): suppliers are paid early on the undertaking of their buyer.

`enrolment` is who takes part, `approval` the buyer's undertaking, `payables` how an approved invoice is
financed at once, `pool` out of which money, `extension` how the buyer takes more time; `payables_views` shows
it.
"""
