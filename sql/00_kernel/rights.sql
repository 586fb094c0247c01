-- EXECUTE by name only. Members of the extension were closed by its script.
REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA tenfold FROM PUBLIC;

GRANT USAGE ON SCHEMA tenfold TO tenfold_anonymous, tenfold_worker;
GRANT EXECUTE ON FUNCTION tenfold.version(), tenfold.current_subject() TO tenfold_anonymous, tenfold_worker;
GRANT SELECT ON tenfold.error_code TO tenfold_anonymous, tenfold_worker;
GRANT EXECUTE ON FUNCTION tenfold._error_codes() TO tenfold_anonymous, tenfold_worker;
GRANT SELECT ON tenfold.installed, tenfold.module, tenfold.migration, tenfold.scheduled_job, tenfold.scheduled_job_status TO tenfold_operator;
GRANT EXECUTE ON FUNCTION tenfold._job_runs(), tenfold.doctor(), tenfold._doctor_server(), tenfold._doctor_extensions(),
  tenfold._doctor_versions(), tenfold._doctor_jobs(), tenfold._preloaded(), tenfold._role_names() TO tenfold_operator;
