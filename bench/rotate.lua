-- Send ready-made requests in turn, and report in one line.
--
-- wrk ... -s rotate.lua URL -- FILE. FILE holds requests as they go over the wire, each behind a line with its
-- length in bytes: they are signed before, so that nobody's clock runs while somebody computes signatures.

local requests, current = {}, 0

function init(arguments)
   local file = assert(io.open(arguments[1], "rb"))
   for length in function() return file:read("*l") end do
      requests[#requests + 1] = file:read(tonumber(length))
   end
   file:close()
end

function request()
   current = current % #requests + 1
   return requests[current]
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format("report %d %d %d %d %d %d\n",
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
