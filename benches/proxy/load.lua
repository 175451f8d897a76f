-- What wrk sends (the same bytes every time, so Lua costs nothing per request) and how it reports.
local header = os.getenv("BENCH_HEADERS") or ""
for name, value in header:gmatch("([^\n:]+): ([^\n]+)") do
   wrk.headers[name] = value
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"refused":%d,"broken":%d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
