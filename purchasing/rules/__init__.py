"""The arithmetic of the buying centre: no Django, no database, no clock. Integers only.

Units: quantities in smallest units, unit prices in ten-thousandths of a euro (`*_e4`), money in cents.
"""
