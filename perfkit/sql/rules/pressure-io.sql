-- id: pressure-io
-- title: Tasks wait for storage
-- severity: medium
-- cause: io
-- needs: psi_io_some_percent, psi_io_full_percent
-- meaning: Pressure stall information of the machine: time in which tasks waited for storage. Some
--   waiting is what storage is like; a third of the time for some, or a fifth for all tasks at
--   once, bounds the throughput.
-- impact: The target can be no faster than the storage it waits for; more CPU will not help.
-- message: Some task waited for storage {some_percent} of the time, all at once {full_percent}; the
--   target read {read_bytes_per_s} and wrote {write_bytes_per_s}.
-- message: Some task waited for storage {some_percent} of the time, all at once {full_percent}.
-- recommendation: See which device: `iostat -x 1 5` (columns await and %util).
-- recommendation: See who reads and writes: `pidstat -d 1 5`, or `iotop -oPa`.
-- recommendation: Batch small writes and fsyncs, give reads a cache, or move the data to faster storage.
WITH pressure AS (
    SELECT count(*) AS periods, avg(psi_io_some_percent_mean) AS some_percent,
           avg(psi_io_full_percent_mean) AS full_percent,
           avg(read_bytes_per_s_mean) AS read_bytes_per_s,
           avg(write_bytes_per_s_mean) AS write_bytes_per_s
    FROM periods
    WHERE psi_io_some_percent_mean IS NOT NULL
)
SELECT CASE WHEN full_percent >= 50 THEN 'high' ELSE 'medium' END AS severity,
       some_percent, full_percent, read_bytes_per_s, write_bytes_per_s
FROM pressure
WHERE periods >= 5 AND (some_percent >= 33 OR full_percent >= 20)
