terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
variable "endpoint" { type = string }
variable "archive" { type = string }
variable "batch_size" {
  type    = number
  default = 50
}
provider "aws" {
  region                      = "us-east-1"
  access_key                  = "any"
  secret_key                  = "any"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  endpoints {
    kinesis = var.endpoint
    lambda  = var.endpoint
  }
}
resource "aws_kinesis_stream" "in" {
  name             = "tf-in"
  shard_count      = 2
  retention_period = 48
  tags             = { team = "a" }
}
resource "aws_kinesis_stream" "dead" {
  name = "tf-dead"
  stream_mode_details { stream_mode = "ON_DEMAND" }
}
resource "aws_kinesis_stream_consumer" "reader" {
  name       = "tf-reader"
  stream_arn = aws_kinesis_stream.in.arn
}
resource "aws_lambda_function" "f" {
  function_name    = "tf-f"
  role             = "arn:aws:iam::123456789012:role/any"
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  filename         = var.archive
  source_code_hash = filebase64sha256(var.archive)
  publish          = true
  timeout          = 5
  environment { variables = { mode = "pass", to = "tf-dead" } }
  tags = { team = "a" }
}
resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.f.function_name
  function_version = aws_lambda_function.f.version
}
resource "aws_lambda_event_source_mapping" "m" {
  event_source_arn               = aws_kinesis_stream.in.arn
  function_name                  = aws_lambda_alias.live.arn
  starting_position              = "TRIM_HORIZON"
  batch_size                     = var.batch_size
  parallelization_factor         = 2
  maximum_retry_attempts         = 3
  bisect_batch_on_function_error = true
  function_response_types        = ["ReportBatchItemFailures"]
  destination_config {
    on_failure { destination_arn = aws_kinesis_stream.dead.arn }
  }
  filter_criteria {
    filter { pattern = jsonencode({ data = { a = [1] } }) }
  }
}
