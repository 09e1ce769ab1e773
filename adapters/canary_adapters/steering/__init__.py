"""What a person sees of rollouts in a cluster, and how they step in: everything through the Canary and its status.

Nothing here decides anything: a request is written into the object, and the machine's answer is read from its status.
"""
