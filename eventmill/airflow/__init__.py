"""Code that runs inside Airflow, and a client of its REST interface."""
