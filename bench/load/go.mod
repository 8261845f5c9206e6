module vllm-router/bench/load

go 1.21
