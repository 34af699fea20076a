"""Reading a staff list and comparing it with the employees on file: pure rules, no database, no clock.

`reading` turns bytes into lines, `plan` turns lines and current employees into joiners, changes and leavers.
"""
