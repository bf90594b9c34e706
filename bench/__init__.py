"""The promised figures, measured: ``python -m bench [NAME …]``.

Each module registers one benchmark; each benchmark yields figures; a figure may have a bar, and a peer that was
measured in the same run. Results go to results.json beside this file, one entry a figure; those not measured again
are kept.
"""
