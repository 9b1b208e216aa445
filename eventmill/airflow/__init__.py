"""What runs inside Airflow, and its REST interface."""
