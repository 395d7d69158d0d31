-- Rotating refresh: BENCH_TOKENS names a file with more refresh tokens than there are connections, one a line; each answer's new token
-- goes to the end of the queue. A token is never sent twice.
dofile(os.getenv("BENCH_REPORT"))

local token, client = setting("TOKEN"), form_headers(setting("AUTHORIZATION"))
local queue, first, last = {}, 1, 0

function init()
  for line in io.lines(setting("TOKENS")) do
    last = last + 1
    queue[last] = line
  end
end

function request()
  local held = queue[first]
  if held == nil then return wrk.format("POST", token, client, "grant_type=refresh_token&refresh_token=none-left") end
  queue[first], first = nil, first + 1
  return wrk.format("POST", token, client, "grant_type=refresh_token&refresh_token=" .. encoded(held))
end

function response(status, _, answer)
  local fresh = status == 200 and answer:match('"refresh_token"%s*:%s*"([^"]+)"')
  if fresh then
    last = last + 1
    queue[last] = fresh
    good()
  else
    bad(status .. " " .. answer)
  end
end
