"""Background tasks of a server process: the sweeper, the uploader, the webhook sender, the embedded agent.

Each is a task of `api.supervision.loop`. Begin with `sweeper.py`.
"""
