-- What every load script ends with: one line of JSON about the run. Loaded with dofile; gives a counter and the `done` of wrk.
-- A script counts with `good()` and `bad(what)` inside its thread; an operation may be several requests.

operations, failures, last_failure = 0, 0, ""

function good() operations = operations + 1 end

function bad(what)
  failures = failures + 1
  last_failure = what:sub(1, 300)
end

local threads = {}
function setup(thread) threads[#threads + 1] = thread end

local function text(value)
  return '"' .. value:gsub('[%c"\\\128-\255]', function(c) return string.format("\\u%04x", c:byte()) end) .. '"'
end

function done(summary, latency, requests)
  local all, wrong, last = 0, 0, ""
  for _, thread in ipairs(threads) do
    all = all + thread:get("operations")
    wrong = wrong + thread:get("failures")
    if thread:get("last_failure") ~= "" then last = thread:get("last_failure") end
  end
  local broken = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format(
    '\nRESULT {"operations":%d,"requests":%d,"seconds":%.6f,"p50_ms":%.3f,"p99_ms":%.3f,"errors":%d,"last_error":%s}\n',
    all, summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    wrong + broken, text(last)))
end

-- Settings come from the environment; a missing one is a mistake of the bench.
function setting(name) return os.getenv("BENCH_" .. name) or error("BENCH_" .. name .. " is not set") end

function encoded(value)
  return (value:gsub("[^%w%-%._~]", function(c) return string.format("%%%02X", c:byte()) end))
end

function form_headers(authorization)
  return { ["Authorization"] = authorization, ["Content-Type"] = "application/x-www-form-urlencoded" }
end
