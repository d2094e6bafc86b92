/* mixpanel_sa_fdw 1.0 to 1.1; a fresh install runs 1.0 and then this */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION mixpanel_sa_fdw UPDATE TO '1.1'" to load this file. \quit
