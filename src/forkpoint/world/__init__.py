"""Floor 3: the stocks and flows of the AI-chip system, policy levers and scenarios. ``run`` is in :mod:`.run`."""
