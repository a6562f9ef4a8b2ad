"""Does what budgets say they have spent agree with the calls, and with the charges on the log?"""
