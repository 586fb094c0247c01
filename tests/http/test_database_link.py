"""What is between the gateway and Postgres: TLS, and statements whose function has gone."""
import os
import shutil

import psycopg
import pytest
from gateway import ROOT, Gateway, exchange, make_port_free, wait_until
from services.cluster import Cluster
