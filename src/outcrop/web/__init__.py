"""The workbench: ``outcrop serve OUT…``, a local web application beside a result.

FastAPI, titiler and uvicorn are imported here alone, and come with the extra ``web``.
"""
