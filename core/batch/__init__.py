"""Many shots at once: a table of them, run by processes of this machine or by the nodes of a Ray cluster.

A shot is one unit of work in a folder of its own, and all that is known of it lies there: what passes between who hands out the
work and who does it is the folder's path and an exit code. So any process may die at any time, and another goes on.
"""
