-- The catalog of an installed tenfold as lines that a reviewer can read: the golden file tests/upgrade/schema.txt.
-- The same on every version of Postgres. Bodies of functions are left out; test_upgrade.py compares them apart.
WITH ours AS (
  SELECT n.oid, n.nspname FROM pg_namespace n WHERE n.nspname IN (SELECT schema_name FROM tenfold.module_source) OR n.nspname = 'tenfold_api'
), line AS (
  SELECT 1 AS part, n.nspname::text AS name, 0 AS place,
    format('schema %s owner %s%s', n.nspname, pg_get_userbyid(s.nspowner), ' grants ' || (SELECT string_agg(a.grantee::regrole || '=' || a.privilege_type, ' ' ORDER BY 1)
      FROM aclexplode(s.nspacl) a WHERE a.grantee NOT IN (0, s.nspowner))) AS text
  FROM ours n JOIN pg_namespace s USING (oid)
  UNION ALL
  SELECT 2, c.oid::regclass::text, 0, format('%s %s%s%s', CASE c.relkind WHEN 'v' THEN 'view' WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' END, c.oid::regclass,
    CASE WHEN EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e') THEN ' (member)' ELSE ' owner ' || pg_get_userbyid(c.relowner) END,
    ' grants ' || (SELECT string_agg(a.grantee::regrole || '=' || a.privilege_type, ' ' ORDER BY a.grantee::regrole::text, a.privilege_type)
      FROM aclexplode(c.relacl) a WHERE a.grantee NOT IN (0, c.relowner)))
  FROM pg_class c JOIN ours n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v')
  UNION ALL
  SELECT 2, c.oid::regclass::text, a.attnum, format('  %s %s%s%s', a.attname, format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN ' not null' END,
    CASE WHEN a.attgenerated = 's' THEN ' generated ' ELSE ' default ' END || pg_get_expr(d.adbin, d.adrelid))
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN ours n ON n.oid = c.relnamespace
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE c.relkind IN ('r', 'p', 'v') AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT 2, k.conrelid::regclass::text, 1000, format('  constraint %s %s', k.conname, pg_get_constraintdef(k.oid))
  FROM pg_constraint k JOIN ours n ON n.oid = k.connamespace WHERE k.conrelid <> 0 AND k.contype <> 'n'
  UNION ALL
  SELECT 2, i.indrelid::regclass::text, 1001, '  ' || pg_get_indexdef(i.indexrelid)
  FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN ours n ON n.oid = c.relnamespace
  UNION ALL
  SELECT 2, t.tgrelid::regclass::text, 1002, '  ' || pg_get_triggerdef(t.oid)
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN ours n ON n.oid = c.relnamespace WHERE NOT t.tgisinternal
  UNION ALL
  SELECT 2, p.polrelid::regclass::text, 1003, format('  policy %s %s', p.polname, pg_get_expr(p.polqual, p.polrelid))
  FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN ours n ON n.oid = c.relnamespace
  UNION ALL
  SELECT 3, f.oid::regprocedure::text, 0, format('%s %s(%s) %s%s%s%s%s%s%s',
    CASE f.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, f.oid::regproc, pg_get_function_arguments(f.oid), 'returns ' || coalesce(pg_get_function_result(f.oid), 'nothing'),
    CASE f.provolatile WHEN 'i' THEN ' immutable' WHEN 's' THEN ' stable' ELSE ' volatile' END, CASE WHEN f.proisstrict THEN ' strict' END,
    CASE f.proparallel WHEN 's' THEN ' parallel safe' END, CASE WHEN f.prosecdef THEN ' SECURITY DEFINER' END,
    CASE WHEN EXISTS (SELECT FROM pg_depend d WHERE d.objid = f.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e') THEN ' (member)' ELSE ' owner ' || pg_get_userbyid(f.proowner) END,
    ' grants ' || (SELECT string_agg(coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC') || CASE WHEN a.is_grantable THEN '*' ELSE '' END, ' ' ORDER BY a.grantee::regrole::text)
      FROM aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a WHERE a.grantee <> f.proowner))
  FROM pg_proc f JOIN ours n ON n.oid = f.pronamespace
  UNION ALL
  SELECT 3, l.lanname, 0, format('language %s%s handler %s validator %s%s%s', l.lanname, CASE WHEN l.lanpltrusted THEN ' trusted' END, l.lanplcallfoid::regproc, l.lanvalidator::regproc,
    CASE WHEN EXISTS (SELECT FROM pg_depend d WHERE d.objid = l.oid AND d.classid = 'pg_language'::regclass AND d.deptype = 'e') THEN ' (member)' ELSE ' owner ' || pg_get_userbyid(l.lanowner) END,
    ' grants ' || (SELECT string_agg(coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC'), ' ' ORDER BY a.grantee::regrole::text)
      FROM aclexplode(coalesce(l.lanacl, acldefault('l', l.lanowner))) a WHERE a.grantee <> l.lanowner))
  FROM pg_language l WHERE l.lanname LIKE 'tenfold%'
  UNION ALL
  SELECT 4, e.evtname::text, 0, format('event trigger %s on %s calls %s', e.evtname, e.evtevent, e.evtfoid::regproc) FROM pg_event_trigger e WHERE e.evtname LIKE 'tenfold%'
  UNION ALL
  SELECT 5, j.name, 0, format('job %s %s: %s', j.name, j.schedule, j.command) FROM tenfold.scheduled_job j
  UNION ALL
  SELECT 6, r.path, 0, format('route %s %s shape %s calls %s as %s answers %s', r.method, r.path, r.shape, r.function, array_to_string(r.roles, ', '), r.success_status) FROM tenfold.route r
  UNION ALL
  SELECT 7, m.module || m.name, 0, format('migration %s/%s', m.module, m.name) FROM tenfold.migration m
)
SELECT text FROM line ORDER BY part, name COLLATE "C", place, text COLLATE "C";
