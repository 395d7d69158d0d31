-- One login of a citizen with a session: GET BENCH_PATH (authorize) with BENCH_COOKIE, then POST BENCH_TOKEN with the code that came.
-- A connection that is free redeems a waiting code first, so that codes never grow old. An operation is both requests.
dofile(os.getenv("BENCH_REPORT"))

local authorize, token, after = setting("PATH"), setting("TOKEN"), setting("REDEEM")
local browser, client = { ["Cookie"] = setting("COOKIE") }, form_headers(setting("AUTHORIZATION"))
local waiting = {}

function request()
  local code = table.remove(waiting)
  if code == nil then return wrk.format("GET", authorize, browser) end
  return wrk.format("POST", token, client, after .. "&code=" .. encoded(code))
end

function response(status, headers, answer)
  local where = headers["Location"] or headers["location"]
  local code = where and where:match("[?&]code=([^&#]+)")
  if code then
    waiting[#waiting + 1] = code
  elseif status == 200 and answer:find('"id_token"', 1, true) and answer:find('"access_token"', 1, true) then
    good()
  else
    bad(status .. " " .. (where or "") .. " " .. answer)
  end
end
